/**
 * What requests say of audiences and computed traits. In: a body. Out: its values, or every fault, also those of the
 * query; what the room of audiences refuses becomes an answer.
 */
import { z } from 'zod';
import {
  type ComputationKind,
  type ComputationRefusal,
  type DefinitionFault,
  definitionFaults,
  type Entity,
  type GivenOptions,
} from '../../../audience/audience.ts';
import type { Json } from '../../../base/json.ts';
import { readBody, readParts, text } from '../body.ts';
import { badRequest, conflict, type InputFault, inputInvalid, isRefusal, type PublicRefusal } from '../errors.ts';

const entities: readonly Entity[] = ['USERS', 'ACCOUNTS'];
const longestQuery = 50_000;
const mostDays = 3_650;

/** That an empty one is none is told already. */
const name = text().refine((value) => value === '' || (value.trim() !== '' && !/[\p{Cc}\u2028\u2029]/u.test(value)), {
  error: 'must be text on one line',
});
const description = z.string().max(2_000);
const definition = z.object({ query: text(longestQuery), type: z.string().optional() });
const days = z.number().int().min(1).max(mostDays);
const common = { includeHistoricalData: z.boolean().optional(), includeAnonymousUsers: z.boolean().optional() };
const ofAudience = z.object({
  ...common,
  filterByExternalIds: z.array(text(100)).min(1).max(50).optional(),
  backfillEventDataDays: days.optional(),
});
const ofTrait = z.object({ ...common, backfillDurationDays: days.optional() });

const made = { name, definition, enabled: z.boolean().default(true), description: description.default('') };
const changed = {
  name: name.optional(),
  definition: definition.optional(),
  enabled: z.boolean().optional(),
  description: description.optional(),
};
const audienceType = z.string().optional();
const newAudience = z.object({ ...made, audienceType, options: ofAudience.optional() });
const changedAudience = z.object({ ...changed, audienceType, options: ofAudience.optional() });
const newPreview = z.object({ definition, audienceType, options: ofAudience.optional() });
const newTrait = z.object({ ...made, options: ofTrait.optional() });
const changedTrait = z.object({ ...changed, options: ofTrait.optional() });

/** A computation as a body says it; of a change, as far as it does. */
export interface GivenComputation {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly enabled?: boolean | undefined;
  readonly query?: string | undefined;
  readonly options: GivenOptions;
}

export function readNewComputation(
  kind: ComputationKind,
  body: Json | undefined,
): (Required<GivenComputation> & { readonly entity: Entity }) | PublicRefusal {
  const faults: InputFault[] = [];
  const schema = kind === 'audience' ? newAudience : newTrait;
  const { given, parts } = readShape(schema, body, faults);
  const entity = readEntity(kind, parts, faults);
  if (isRefusal(entity)) return entity;
  addDefinitionFaults({ kind, entity: entity ?? 'USERS' }, parts, entity !== null, faults);
  if (faults.length > 0 || given === null || entity === null) return inputInvalid(faults);
  const { name = '', description = '', enabled = true } = given;
  return { name, description, enabled, query: given.definition?.query ?? '', options: optionsOf(given), entity };
}

export function readNewPreview(
  body: Json | undefined,
): { readonly entity: Entity; readonly query: string; readonly options: GivenOptions } | PublicRefusal {
  const faults: InputFault[] = [];
  const { given, parts } = readShape(newPreview, body, faults);
  const entity = readEntity('audience', parts, faults);
  if (isRefusal(entity)) return entity;
  addDefinitionFaults({ kind: 'audience', entity: entity ?? 'USERS' }, parts, entity !== null, faults);
  if (faults.length > 0 || given === null || entity === null) return inputInvalid(faults);
  return { entity, query: given.definition?.query ?? '', options: optionsOf(given) };
}

/** `before`: what it is for stays. */
export function readChange(
  before: { readonly kind: ComputationKind; readonly entity: Entity },
  body: Json | undefined,
): GivenComputation | PublicRefusal {
  const faults: InputFault[] = [];
  const schema = before.kind === 'audience' ? changedAudience : changedTrait;
  const { given, parts } = readShape(schema, body, faults);
  // The key stays, whatever the name becomes.
  addDefinitionFaults(before, { ...parts, name: undefined }, true, faults);
  if (faults.length > 0 || given === null) return inputInvalid(faults);
  for (const [field, type] of [
    ['audienceType', given.audienceType],
    ['definition.type', given.definition?.type],
  ] as const) {
    if (type !== undefined && type.toUpperCase() !== before.entity) {
      return badRequest(`It is made for ${before.entity}, and that cannot change: make a new one.`, field);
    }
  }
  const { name, description, enabled } = given;
  return { name, description, enabled, query: given.definition?.query, options: optionsOf(given) };
}

/** All of the shapes above. */
interface Shape {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly enabled?: boolean | undefined;
  readonly definition?: { readonly query: string; readonly type?: string | undefined } | undefined;
  readonly audienceType?: string | undefined;
  readonly options?:
    | {
        readonly includeHistoricalData?: boolean | undefined;
        readonly includeAnonymousUsers?: boolean | undefined;
        readonly filterByExternalIds?: readonly string[] | undefined;
        readonly backfillEventDataDays?: number | undefined;
        readonly backfillDurationDays?: number | undefined;
      }
    | undefined;
}

/** Null: something has another shape; what has not is among the parts. */
function readShape(
  schema: z.ZodObject,
  body: Json | undefined,
  faults: InputFault[],
): { readonly given: Shape | null; readonly parts: Shape } {
  const given = readBody(schema, body, faults) as Shape | null;
  return { given, parts: given ?? (readParts(schema, body) as Shape) };
}

function optionsOf({ options = {} }: Shape): GivenOptions {
  const { backfillEventDataDays, backfillDurationDays, ...others } = options;
  return { ...others, backfillDays: backfillEventDataDays ?? backfillDurationDays };
}

/** Null, with a fault: it is not said, or cannot be read. */
function readEntity(
  kind: ComputationKind,
  { audienceType: newer, definition: given }: Shape,
  faults: InputFault[],
): Entity | null | PublicRefusal {
  const field =
    kind === 'audience' && (newer !== undefined || given?.type === undefined) ? 'audienceType' : 'definition.type';
  const said = (field === 'audienceType' ? newer : given?.type)?.toUpperCase();
  const entity = entities.find((one) => one === said);
  if (entity !== undefined) return entity;
  if (said === 'LINKED' && faults.length === 0) {
    return badRequest(
      'LINKED audiences look at tables of a warehouse, which this server does not do. It has audiences of USERS and of ACCOUNTS.',
      field,
    );
  }
  const isTold = faults.some((fault) => field.startsWith(fault.field) || fault.field === field);
  const wrong = said === undefined ? 'is required' : `must be one of ${entities.join(', ')}`;
  if (!isTold) faults.push({ field, message: `"${field}" ${wrong}` });
  return null;
}

/** Without a known entity what a query may hold is not known either. */
function addDefinitionFaults(
  use: { readonly kind: ComputationKind; readonly entity: Entity },
  parts: Shape,
  isKnown: boolean,
  faults: InputFault[],
): void {
  const query = isKnown ? parts.definition?.query : undefined;
  // A name that is told of already is not told of twice.
  const name = faults.some(({ field }) => field === 'name') ? undefined : parts.name;
  faults.push(...definitionFaults(use, { name, query }).map(inputFault));
}

const fieldOf: Readonly<Record<DefinitionFault['where'], string | undefined>> = {
  name: 'name',
  query: 'definition.query',
  filterByExternalIds: 'options.filterByExternalIds',
  definition: undefined,
};

function inputFault({ where, message }: DefinitionFault): InputFault {
  return { field: fieldOf[where] ?? 'definition', message };
}

/** What the room refuses, as an answer. */
export function refusalFor({ reason, faults }: ComputationRefusal): PublicRefusal {
  if (reason === 'invalid') return inputInvalid(faults.map(inputFault));
  const [{ where, message } = { where: 'definition', message: '' } as const] = faults;
  return (reason === 'conflict' ? conflict : badRequest)(message, fieldOf[where]);
}
