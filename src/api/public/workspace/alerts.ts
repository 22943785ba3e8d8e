/**
 * `/alerts` and `/notices`, beyond the vendor's API (alpha): who is told when something is wrong, and what was said. An
 * alert belongs to the mappings it is about, so it takes the power at their sources; one about all mappings takes it
 * everywhere. Promised: URLs and secrets of channels are never answered; changes go the way of a workspace file.
 */
import { z } from 'zod';
import { countUnread, listNotices, markRead, type Notice, testAlert } from '../../../alerts/alerts.ts';
import { isMillraceError } from '../../../base/errors.ts';
import {
  type Alert,
  type AlertChannel,
  type AlertDefinition,
  alertRuleFaults,
  may,
  powers,
  type Workspace,
  type WorkspaceGrant,
} from '../../../workspace/workspace.ts';
import { readBody, readParts, text } from '../body.ts';
import { editConfig, readConfig } from '../config.ts';
import {
  type InputFault,
  inputInvalid,
  isRefusal,
  notAllowed,
  notFound,
  type PublicRefusal,
  refused,
  settled,
} from '../errors.ts';
import { listCursor, listPage, paginationOf, readPagination } from '../pagination.ts';
import { booleanParameter } from '../parameters.ts';
import type { PublicApiDeps } from '../public.ts';
import {
  draftView,
  given,
  inOrder,
  readView,
  type SourcePower,
  seenBy,
  type View,
} from '../reverse-etl/source-objects.ts';
import { actorOf, type PublicAnswer, type PublicRequest, type PublicRoute } from '../route.ts';
import { channelBody, channelInput, unmaskedChannels } from './alert-channels.ts';

export function alertRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const [all, one] = ['/alerts', '/alerts/:alertId'];
  const reading = { versions: ['alpha'], needs: 'source:read' } as const;
  const changing = { versions: ['alpha'], needs: 'source:admin' } as const;
  return [
    {
      ...{ method: 'GET', url: all, ...reading },
      async handle({ query, grant }) {
        const view = await readView(deps, grant, 'source:read');
        const seen = inOrder(view.workspace.alerts.filter((alert) => reaches(view, alert.mappingIds)));
        return listPage('alerts', seen.map(alertBody), query);
      },
    },
    { ...{ method: 'POST', url: all, ...changing, status: 201 }, handle: (request) => create(deps, request) },
    {
      ...{ method: 'GET', url: one, ...reading },
      async handle({ params, grant }) {
        const found = alertAt(await readView(deps, grant, 'source:read'), params.alertId as string);
        return isRefusal(found) ? found : { data: { alert: alertBody(found) } };
      },
    },
    { ...{ method: 'PATCH', url: one, ...changing }, handle: (request) => update(deps, request) },
    { ...{ method: 'DELETE', url: one, ...changing }, handle: (request) => remove(deps, request) },
    { ...{ method: 'POST', url: `${one}/test`, ...changing }, handle: (request) => test(deps, request) },
    { ...{ method: 'GET', url: '/notices', ...reading }, handle: (request) => notices(deps, request) },
    {
      ...{ method: 'GET', url: '/notices/unread', ...reading },
      handle: async ({ grant }) => ({ data: { unread: await unreadFor(deps, grant) } }),
    },
    { ...{ method: 'POST', url: '/notices/read', ...changing }, handle: (request) => read(deps, request) },
  ];
}

function alertBody({ id, name, title, on, mappingIds, thresholdPercent, channels, enabled, createdAt }: Alert) {
  const shown = { on, mappingIds, thresholdPercent, channels: channels.map(channelBody), enabled, createdAt };
  return { id, slug: name, name: title ?? name, ...shown };
}

/** Whether the power is there wherever these mappings are; null: all, also those that come later. */
function reaches(view: View, mappingIds: readonly string[] | null): boolean {
  if (may(view.grant, view.power)) return true;
  if (mappingIds === null || mappingIds.length === 0) return false;
  const seen = mappingsOf(view);
  return mappingIds.every((id) => seen.has(id));
}

/** Those whose destination, and so whose source, is in reach. */
function mappingsOf(view: View): ReadonlySet<string> {
  const destinations = new Set(seenBy(view, view.workspace.destinations).map(({ id }) => id));
  return new Set(view.workspace.mappings.filter((one) => destinations.has(one.destinationId)).map(({ id }) => id));
}

function alertAt(view: View, id: string): Alert | PublicRefusal {
  const found = view.workspace.alerts.find((alert) => alert.id === id);
  if (found === undefined) return notFound('Alert', id);
  return reaches(view, found.mappingIds) ? found : notAllowed(powers[view.power]);
}

const shape = {
  name: text(),
  on: z.array(z.enum(['sync_failed', 'sync_partly_failed', 'delivery_rate', 'schedule_missed'])).min(1),
  mappingIds: z.array(text()).min(1).nullable(),
  thresholdPercent: z.number().min(0).max(100).nullable(),
  channels: z.array(channelInput).max(20),
  enabled: z.boolean(),
};
const newAlert = z.object({
  ...shape,
  mappingIds: shape.mappingIds.default(null),
  thresholdPercent: shape.thresholdPercent.default(null),
  channels: shape.channels.default([]),
  enabled: shape.enabled.default(true),
});
const changedAlert = z.object(shape).partial();
type Wanted = z.output<typeof newAlert>;

async function create(deps: PublicApiDeps, { body, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const wanted = readBody(newAlert, body, faults);
  if (wanted === null) return inputInvalid(await allFaults(deps, grant, body, faults));
  return settled(async () => {
    const { value: name, workspace } = await editConfig(deps, grant, async (draft) => {
      const view = await draftView(draft, grant);
      const made = draft.nameFor('alert', wanted.name);
      draft.put('alert', { name: made, ...checked(view, wanted, made, []) });
      return made;
    });
    return answerOf(workspace, (alert) => alert.name === name);
  });
}

async function update(
  deps: PublicApiDeps,
  { params, body, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const wanted = readBody(changedAlert, body, faults);
  const id = params.alertId as string;
  if (wanted === null) return inputInvalid(await allFaults(deps, grant, body, faults, id));
  return settled(async () => {
    const { workspace } = await editConfig(deps, grant, async (draft) => {
      const view = await draftView(draft, grant);
      const before = given(alertAt(view, id));
      const { channels } = before;
      const whole: Wanted = {
        ...{ name: before.title ?? before.name, on: [...before.on], enabled: before.enabled },
        mappingIds: before.mappingIds === null ? null : [...before.mappingIds],
        thresholdPercent: before.thresholdPercent,
        channels: channels as Wanted['channels'],
        ...(wanted as Partial<Wanted>),
      };
      draft.put('alert', { name: before.name, ...checked(view, whole, before.name, channels) });
    });
    return answerOf(workspace, (alert) => alert.id === id);
  });
}

function answerOf({ alerts }: Workspace, isIt: (alert: Alert) => boolean): PublicAnswer {
  return { data: { alert: alertBody(alerts.find(isIt) as Alert) } };
}

/** With those of the parts that have their shape. */
async function allFaults(
  deps: PublicApiDeps,
  grant: WorkspaceGrant,
  body: PublicRequest['body'],
  faults: readonly InputFault[],
  id?: string,
): Promise<readonly InputFault[]> {
  const seen = readParts(newAlert, body);
  const view = await readView(deps, grant, 'source:admin');
  const stored = view.workspace.alerts.find((alert) => alert.id === id)?.channels ?? [];
  // What the threshold means is told by the events.
  const threshold = seen.on === undefined ? null : (seen.thresholdPercent ?? null);
  const parts = { on: [], mappingIds: null, channels: [], ...seen, thresholdPercent: threshold };
  const others = partFaults(view, parts, stored).faults;
  const isTold = ({ field }: InputFault) => faults.some((one) => one.field === field);
  return [...faults, ...others.filter((fault) => !isTold(fault))];
}

/** Without its name; throws every fault. */
function checked(
  view: View,
  { name: title, enabled, ...parts }: Wanted,
  name: string,
  stored: readonly AlertChannel[],
): Omit<AlertDefinition, 'name'> {
  const { faults, mappings, channels } = partFaults(view, parts, stored);
  if (faults.length > 0) throw refused(inputInvalid(faults));
  const { on, mappingIds, thresholdPercent } = parts;
  if (!reaches(view, mappingIds)) throw refused(notAllowed(powers['source:admin']));
  return {
    title: title === name ? null : title,
    ...{ on, mappings: mappings ?? null, thresholdPercent, enabled },
    channels: channels as readonly AlertChannel[],
  };
}

/** What is wrong with the parts of an alert; and its mappings by name, its channels with what is stored of them. */
function partFaults(
  view: View,
  { on, mappingIds, thresholdPercent, channels: sent }: Omit<Wanted, 'name' | 'enabled'>,
  stored: readonly AlertChannel[],
) {
  const faults: InputFault[] = [];
  const names = new Map(view.workspace.mappings.map((mapping) => [mapping.id, mapping.name]));
  for (const [at, id] of (mappingIds ?? []).entries()) {
    if (!names.has(id)) faults.push({ field: `mappingIds.${at}`, message: `"mappingIds.${at}" is no mapping` });
  }
  const channels = unmaskedChannels(sent, stored, faults);
  const mappings = mappingIds?.map((id) => names.get(id) ?? id);
  const rule = { on, mappings, threshold_percent: thresholdPercent ?? undefined, channels };
  for (const { path, message } of alertRuleFaults(rule as Parameters<typeof alertRuleFaults>[0])) {
    const field = path.length === 0 ? 'thresholdPercent' : path.map(wireStep).join('.');
    faults.push({ field, message: `"${field}" ${message.replace(/^this /, '')}` });
  }
  return { faults, mappings, channels };
}

const wireNames: Readonly<Record<string, string>> = { mappings: 'mappingIds', threshold_percent: 'thresholdPercent' };
const wireStep = (step: string | number): string => wireNames[step] ?? String(step);

async function remove(deps: PublicApiDeps, { params, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  return settled(async () => {
    await editConfig(deps, grant, async (draft) => {
      const { name } = given(alertAt(await draftView(draft, grant), params.alertId as string));
      draft.remove('alert', name);
    });
    return { data: { status: 'SUCCESS' } };
  });
}

async function test(deps: PublicApiDeps, { params, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const found = alertAt(await readView(deps, grant, 'source:admin'), params.alertId as string);
  if (isRefusal(found)) return found;
  const { db, secrets, log, clock, mail = null } = deps;
  const { noticeId, channels } = await testAlert({ db, secrets, log, clock, mail }, found.id, actorOf(grant));
  return { data: { noticeId, channels } };
}

/** The mappings whose notices somebody may see; null: all notices. */
async function seenMappings(
  deps: PublicApiDeps,
  grant: WorkspaceGrant,
  power: SourcePower,
): Promise<readonly string[] | null> {
  return may(grant, power) ? null : [...mappingsOf(await readView(deps, grant, power))];
}

async function unreadFor(deps: PublicApiDeps, grant: WorkspaceGrant): Promise<number> {
  return countUnread(deps.db.pool, await seenMappings(deps, grant, 'source:read'));
}

async function notices(deps: PublicApiDeps, { query, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const wanted = readPagination(query, faults);
  const unreadOnly = booleanParameter(query, 'unread', faults);
  if (faults.length > 0) return inputInvalid(faults);
  const mappingIds = await seenMappings(deps, grant, 'source:read');
  try {
    const page = { unreadOnly, limit: wanted.count, next: listCursor(wanted), mappingIds };
    const { items, next } = await listNotices(deps.db.pool, page);
    const unread = await unreadFor(deps, grant);
    const { mappings } = await readConfig(deps);
    const bodies = items.map((notice) => noticeBody(notice, mappings));
    return { data: { notices: bodies, unread, pagination: paginationOf(wanted, next) } };
  } catch (error) {
    if (!isMillraceError(error, 'alert_paging_invalid')) throw error;
    return inputInvalid([{ field: 'pagination.cursor', message: '"pagination.cursor" is not a cursor of this list' }]);
  }
}

/** Its path is that of the command line's words; here ids say where it can be looked at, while the mapping is there. */
function noticeBody({ path: _, sends, ...notice }: Notice, mappings: Workspace['mappings']) {
  const { destinationId = null, modelId = null } = mappings.find(({ id }) => id === notice.mappingId) ?? {};
  const ways = sends.map(({ channel, state, attempts, answer }) => ({ channel, state, attempts, answer }));
  return { ...notice, destinationId, modelId, sends: ways };
}

const readNotices = z.object({ ids: z.array(text()).max(1_000).optional(), all: z.literal(true).optional() });

async function read(deps: PublicApiDeps, { body, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const wanted = readBody(readNotices, body, faults);
  if (wanted === null) return inputInvalid(faults);
  if ((wanted.ids === undefined) === (wanted.all === undefined)) {
    return inputInvalid([{ field: 'ids', message: '"ids" is required, or "all"' }]);
  }
  const seen = await seenMappings(deps, grant, 'source:admin');
  const marked = await markRead(deps.db.pool, wanted.ids ?? 'all', deps.clock.now(), seen);
  return { data: { marked } };
}
