/**
 * Which profile spaces somebody may connect mappings to: those at whose source they are Source Admin, or that they
 * administer. In: somebody's view of the sources. Out: a refusal where a mapping would write to another space, or send
 * the write key of one elsewhere; and settings without write keys that their reader may not see. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type Json, type JsonObject } from '../../../base/json.ts';
import { may, namedSpace, type Space, type Workspace, type WorkspaceGrant } from '../../../workspace/workspace.ts';
import { notAllowed, refused } from '../errors.ts';
import { maskOf } from '../masks.ts';
import { type AnySource, resourceOf } from './source-list.ts';

export interface Viewer {
  readonly sources: readonly AnySource[];
  readonly grant: WorkspaceGrant;
}

/** A mapping, as far as it says where its messages go. */
export interface Aim {
  readonly fields: JsonObject;
  /** Of the destination. */
  readonly settings: JsonObject;
}

export function mayConnect({ sources, grant }: Viewer, spaceId: string): boolean {
  if (may(grant, 'space:admin', { type: 'SPACE', id: spaceId })) return true;
  return sources.some((source) => source.id === spaceId && may(grant, 'source:admin', resourceOf(source)));
}

function spacesOf({ sources }: Viewer): readonly Space[] {
  return sources.flatMap((source) => (source.of === 'space' ? [source.object] : []));
}

/** Throws where a mapping would use a space that this viewer may not connect to, and did not before. */
export function refuseForeignSpace(viewer: Viewer, aim: Aim, before: Aim | null): void {
  if (before !== null && isSameAim(aim, before)) return;
  if (spacesUsed(aim, spacesOf(viewer)).every(({ id }) => mayConnect(viewer, id))) return;
  const answer = notAllowed('administer the profile space, or the source that stands for it');
  throw refused({ ...answer, problems: [{ ...answer.problems[0], field: 'settings.engage_space' }] });
}

const rootDirective = '__segment_internal_directive';

function isSameAim(one: Aim, other: Aim): boolean {
  const aim = ({ fields, settings }: Aim) => [
    ...[fields.engage_space, fields[rootDirective]],
    ...[settings.endpoint ?? 'local', settings.tracking_url],
  ];
  return isDeepStrictEqual(aim(one), aim(other));
}

/** Which space a computed one will be is told by rows alone, so it may be any. */
function spacesUsed({ fields, settings }: Aim, spaces: readonly Space[]): readonly Space[] {
  const wanted = fields.engage_space;
  if ((settings.endpoint ?? 'local') !== 'local') return spaces.filter(({ writeKey }) => holds(wanted, writeKey));
  const named = Object.hasOwn(fields, rootDirective) ? null : namedSpace(wanted);
  return named === null ? spaces : spaces.filter(({ id, name, writeKey }) => [id, name, writeKey].includes(named));
}

function holds(value: Json | undefined, key: string): boolean {
  if (typeof value === 'string') return value.includes(key);
  return typeof value === 'object' && value !== null && Object.values(value).some((part) => holds(part, key));
}

/** The same with the ids of spaces in the place of write keys that the viewer may not see. */
export function withoutWriteKeys<T extends Json | undefined>(viewer: Viewer, value: T): T {
  const hidden = spacesOf(viewer).filter(({ id }) => !mayConnect(viewer, id));
  return hidden.length === 0 ? value : (replaced(value, hidden) as T);
}

function replaced(value: Json | undefined, hidden: readonly Space[]): Json | undefined {
  if (typeof value === 'string') {
    return hidden.reduce((text, { id, writeKey }) => text.replaceAll(writeKey, id), value);
  }
  if (Array.isArray(value)) return value.map((item) => replaced(item, hidden) as Json);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, replaced(part, hidden)]));
}

/** The space of a mapping of this destination. A write key of a space elsewhere is for those who may change the mapping. */
export function shownSpace(
  viewer: Viewer & { readonly workspace: Pick<Workspace, 'destinations'> },
  destinationId: string,
  value: Json,
): Json {
  const named = namedSpace(value);
  const isHere = spacesOf(viewer).some(({ id, name, writeKey }) => [id, name, writeKey].includes(named ?? ''));
  if (named === null || isHere) return withoutWriteKeys(viewer, value);
  const { sourceId } = viewer.workspace.destinations.find(({ id }) => id === destinationId) ?? {};
  const source = viewer.sources.find(({ id }) => id === sourceId);
  return source !== undefined && may(viewer.grant, 'source:admin', resourceOf(source)) ? value : maskOf(named);
}

/** New settings in which what was read back without a write key stays as it is stored. */
export function withStoredSpace(viewer: Viewer, fields: JsonObject, stored: JsonObject): JsonObject {
  const { engage_space } = stored;
  if (engage_space === undefined || fields.engage_space === undefined) return fields;
  const isAsShown = isDeepStrictEqual(withoutWriteKeys(viewer, engage_space), fields.engage_space);
  return isAsShown ? { ...fields, engage_space } : fields;
}
