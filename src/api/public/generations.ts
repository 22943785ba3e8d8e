/**
 * What the two generations of clients know. In: the `User-Agent` and an answer for all. Out: what that client takes. Java
 * clients alone refuse keys they do not know, and say who they are; all others get everything. Free-form maps
 * (`settings`, `config`) are never looked into.
 */

/** Up to 47, or later. */
export type Generation = 'older' | 'newer';

/** Null: not a Java client. */
export function javaGeneration(userAgent: string | undefined): Generation | null {
  if (userAgent?.includes('(Java)') !== true) return null;
  const major = Number(/\b(\d{1,4})\.\d/.exec(userAgent)?.[1] ?? Number.NaN);
  return major <= 47 ? 'older' : 'newer';
}

interface Fields {
  readonly [key: string]: unknown;
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

type Trim = (object: Fields) => Fields;

/** Data of an answer: its members are trimmed by what they hold. */
export function trimFor(generation: Generation, data: object): object {
  const trims = generation === 'older' ? older : newer;
  const unknown = generation === 'older' ? 'reverseETLSyncStatus' : 'reverseETLSync';
  const other = generation === 'older' ? 'reverseETLSync' : 'reverseETLSyncStatus';
  const kept = unknown in data && other in data ? without(data as Fields, unknown) : (data as Fields);
  return Object.fromEntries(
    Object.entries(kept).map(([key, value]) => {
      const trim = Object.hasOwn(trims, key) ? trims[key] : undefined;
      return [key, trim === undefined ? value : applied(trim, value)];
    }),
  );
}

function applied(trim: Trim, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => applied(trim, one));
  return isObject(value) ? trim(value) : value;
}

function without(object: Fields, ...keys: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

/** Trims a member. */
const inside =
  (key: string, trim: Trim): Trim =>
  (object) =>
    key in object ? { ...object, [key]: applied(trim, object[key]) } : object;

/** No generation knows the choices of options, nor what actions need. */
const newerSourceMetadata: Trim = inside('options', (option) => without(option, 'choices'));
const newerDestinationMetadata: Trim = (object) =>
  inside('actions', (action) => without(action, 'needs'))(newerSourceMetadata(object));

const sourceMetadata: Trim = (object) => without(newerSourceMetadata(object), 'status', 'partnerOwned');
const field: Trim = (object) => without(object, 'hidden');
const destinationMetadata: Trim = (object) =>
  inside(
    'actions',
    inside('fields', field),
  )(
    inside('supportedPlatforms', (platforms) => without(platforms, 'linkedAudiences'))(
      without(newerDestinationMetadata(object), 'multiInstanceSupportedVersion'),
    ),
  );
const subscription: Trim = (object) => without(object, 'reverseETLSchedule', 'skipNulls');

const space: Trim = ({ id, slug, name }) => ({ id, slug, name });

/** Audiences were only listed, enabled and deleted. */
const olderComputation: Trim = (object) =>
  without(object, 'failureReason', 'audienceType', 'options', 'computeCadence', 'size', 'schedules');
const newerAudience: Trim = (object) =>
  inside('definition', (definition) => without(definition, 'type'))(without(object, 'failureReason'));
const newerTrait: Trim = (object) => without(object, 'failureReason', 'computeCadence');

const older: Readonly<Record<string, Trim>> = {
  sourceMetadata,
  sourcesCatalog: sourceMetadata,
  source: inside('metadata', sourceMetadata),
  sources: inside('metadata', sourceMetadata),
  destinationMetadata,
  destinationsCatalog: destinationMetadata,
  destination: inside('metadata', destinationMetadata),
  destinations: inside('metadata', destinationMetadata),
  destinationSubscription: subscription,
  subscription,
  subscriptions: subscription,
  space,
  audience: olderComputation,
  audiences: olderComputation,
  computedTrait: olderComputation,
  computedTraits: olderComputation,
};

const model: Trim = (object) => without(object, 'scheduleStrategy', 'scheduleConfig');
const newerSubscription: Trim = (object) => without(object, 'skipNulls');
const newer: Readonly<Record<string, Trim>> = {
  sourceMetadata: newerSourceMetadata,
  sourcesCatalog: newerSourceMetadata,
  source: inside('metadata', newerSourceMetadata),
  sources: inside('metadata', newerSourceMetadata),
  destinationMetadata: newerDestinationMetadata,
  destinationsCatalog: newerDestinationMetadata,
  destination: inside('metadata', newerDestinationMetadata),
  destinations: inside('metadata', newerDestinationMetadata),
  reverseEtlModel: model,
  models: model,
  space,
  destinationSubscription: newerSubscription,
  subscription: newerSubscription,
  subscriptions: newerSubscription,
  audience: newerAudience,
  audiences: newerAudience,
  computedTrait: newerTrait,
  computedTraits: newerTrait,
};
