/**
 * The slow, obvious space: `profile-space.md` 2.4 to 2.8 and consent (5.1) written down step by step, one message at a
 * time, with nothing but arrays. The real one must come to the same profiles.
 */
import type { Json, JsonObject } from '../src/base/json.ts';
import type { ConsentValue, SpaceSettings } from '../src/space/space.ts';

interface Id {
  readonly type: string;
  readonly value: string;
}

interface SlowProfile {
  readonly no: number;
  readonly collection: 'users' | 'accounts';
  readonly createdAt: number;
  mergedInto: SlowProfile | null;
  mappings: (Id & { createdAt: number })[];
  merges: number;
  readonly traits: Map<string, { value: Json; at: number; received: number; place: number }>;
  consent: SlowConsent | null;
}

interface SlowConsent {
  readonly at: number;
  readonly received: number;
  readonly categories: Record<string, ConsentValue>;
}

const day = 86_400_000;
const windows = { ever: Number.MAX_VALUE, annually: 365 * day, monthly: 30 * day, weekly: 7 * day, daily: day };

export class SlowSpace {
  readonly profiles: SlowProfile[] = [];
  readonly links: { user: SlowProfile; account: SlowProfile }[] = [];
  /** How often a trait got another value. */
  traitsChanged = 0;
  /** How many messages it was given: among those of one moment, the later wins. */
  private applied = 0;
  /** May change between messages. */
  settings: SpaceSettings;

  constructor(settings: SpaceSettings) {
    this.settings = settings;
  }

  /** Returns the profile the message belongs to, or null when it is dropped. */
  apply(message: JsonObject, now: number): SlowProfile | null {
    this.applied += 1;
    const users = this.usable(this.userIds(message), 'users');
    const accounts = this.usable(this.accountIds(message), 'accounts');
    if (message.type === 'group' ? accounts.length === 0 : users.length === 0) return null;
    const account = accounts.length === 0 ? null : this.resolve('accounts', accounts, now);
    const user = users.length === 0 ? null : this.resolve('users', users, now);
    const at = Math.min(message.timestamp === undefined ? now : Date.parse(message.timestamp as string), now);
    const owner = message.type === 'group' ? account : message.type === 'identify' ? user : null;
    for (const [key, value] of Object.entries((message.traits ?? {}) as JsonObject)) {
      if (owner === null) break;
      const old = owner.traits.get(key);
      if (old !== undefined && (old.at > at || (old.at === at && old.received > now))) continue;
      if (JSON.stringify(old?.value ?? null) !== JSON.stringify(value)) this.traitsChanged += 1;
      owner.traits.set(key, { value: value as Json, at, received: now, place: this.applied });
    }
    if (user !== null && account !== null) this.links.push({ user, account });
    if (user !== null) this.consent(user, message, at, now);
    return message.type === 'group' ? account : user;
  }

  private consent(user: SlowProfile, message: JsonObject, at: number, received: number): void {
    const context = (message.context ?? {}) as { consent?: { categoryPreferences?: Record<string, boolean> } };
    const said = context.consent?.categoryPreferences;
    if (said === undefined) return;
    const old = user.consent;
    if (old !== null && (old.at > at || (old.at === at && old.received > received))) return;
    const categories: SlowConsent['categories'] = {};
    for (const category of Object.keys(old?.categories ?? {})) categories[category] = false;
    user.consent = { at, received, categories: { ...categories, ...said } };
  }

  private userIds(message: JsonObject): Id[] {
    const context = (message.context ?? {}) as JsonObject;
    const body = (message.type === 'identify' ? message.traits : message.properties) as JsonObject | undefined;
    const contextTraits = context.traits as JsonObject | undefined;
    const ids: [string, unknown][] = [];
    for (const entry of (context.externalIds ?? []) as JsonObject[]) {
      if (entry.collection === 'users') ids.push([entry.type as string, entry.id]);
    }
    ids.push(['user_id', message.userId], ['anonymous_id', message.anonymousId]);
    if (message.type !== 'group') ids.push(['email', body?.email]);
    ids.push(['email', contextTraits?.email]);
    if (message.type !== 'group') ids.push(['loyalty_id', body?.loyalty_id], ['loyalty_id', body?.loyaltyId]);
    ids.push(['loyalty_id', contextTraits?.loyalty_id], ['loyalty_id', contextTraits?.loyaltyId]);
    return ids.flatMap(([type, value]) => (typeof value === 'string' ? [{ type, value }] : []));
  }

  private accountIds(message: JsonObject): Id[] {
    const value = message.groupId;
    return typeof value === 'string' ? [{ type: 'group_id', value }] : [];
  }

  private rule(type: string) {
    return this.settings.identifiers.find((rule) => rule.type === type) ?? { limit: 5, window: 'ever' as const };
  }

  private priority(type: string): [number, string] {
    const { identifiers, ordered = identifiers.length } = this.settings;
    const at = identifiers.slice(0, ordered).findIndex((rule) => rule.type === type);
    return [at >= 0 ? at : type === 'user_id' ? 1000 : type === 'email' ? 1001 : 1002, type];
  }

  private higher(a: string, b: string): boolean {
    const [x, y] = [this.priority(a), this.priority(b)];
    return x[0] < y[0] || (x[0] === y[0] && x[1] < y[1]);
  }

  private usable(ids: Id[], collection: string): Id[] {
    const out: Id[] = [];
    for (const { type, value: raw } of ids) {
      const value = type === 'email' ? raw.trim().toLowerCase() : raw.trim();
      if (value === '' || ['-1', 'null', 'anonymous'].includes(value) || /^[0-]*$/.test(value)) continue;
      if (!this.settings.autoRegister && !this.settings.identifiers.some((rule) => rule.type === type)) continue;
      if (collection === 'users' && type === 'group_id') continue;
      if (!out.some((id) => id.type === type && id.value === value)) out.push({ type, value });
    }
    return out;
  }

  canonical(profile: SlowProfile): SlowProfile {
    return profile.mergedInto === null ? profile : this.canonical(profile.mergedInto);
  }

  owner(collection: string, id: Id): SlowProfile | null {
    for (const profile of this.profiles) {
      if (profile.mergedInto !== null || profile.collection !== collection) continue;
      if (profile.mappings.some((mapping) => mapping.type === id.type && mapping.value === id.value)) return profile;
    }
    return null;
  }

  private violates(type: string, final: (Id & { createdAt: number })[], matched: SlowProfile[], now: number): boolean {
    const { limit, window } = this.rule(type);
    const counts = (list: (Id & { createdAt: number })[]) =>
      list.filter((mapping) => mapping.type === type && now - mapping.createdAt < windows[window]).length;
    const n = counts(final);
    return n > limit && n > Math.max(0, ...matched.map((profile) => counts(profile.mappings)));
  }

  private resolve(collection: 'users' | 'accounts', found: Id[], now: number): SlowProfile {
    let ids = found;
    let matched: SlowProfile[];
    for (;;) {
      matched = [];
      for (const id of ids) {
        const owner = this.owner(collection, id);
        if (owner !== null && !matched.includes(owner)) matched.push(owner);
      }
      const unowned = ids.filter((id) => this.owner(collection, id) === null);
      const final = [
        ...matched.flatMap((profile) => profile.mappings),
        ...unowned.map((id) => ({ ...id, createdAt: now })),
      ];
      const bad = final.some((mapping) => this.violates(mapping.type, final, matched, now));
      if (!bad) break;
      const types = [...new Set(ids.map((id) => id.type))];
      if (types.length > 1) {
        const lowest = types.reduce((low, type) => (this.higher(low, type) ? type : low));
        ids = ids.filter((id) => id.type !== lowest);
      } else ids = ids.slice(0, -1);
    }
    let target: SlowProfile;
    if (matched.length === 0) {
      target = {
        no: this.profiles.length,
        collection,
        createdAt: now,
        mergedInto: null,
        mappings: [],
        merges: 0,
        traits: new Map(),
        consent: null,
      };
      this.profiles.push(target);
    } else {
      const [parent, ...children] = matched.sort((a, b) => a.createdAt - b.createdAt || a.no - b.no);
      for (const child of children) {
        if (parent === undefined || parent.merges + child.merges + 1 > 100) continue;
        if (parent.mappings.length + child.mappings.length > 1000) continue;
        this.merge(parent, child);
      }
      const best = ids
        .filter((id) => this.owner(collection, id) !== null)
        .reduce((a, b) => (this.higher(b.type, a.type) ? b : a));
      target = this.owner(collection, best) as SlowProfile;
    }
    const ordered = ids
      .map((id, at) => ({ id, at }))
      .sort((a, b) => (this.higher(a.id.type, b.id.type) ? -1 : this.higher(b.id.type, a.id.type) ? 1 : a.at - b.at));
    for (const { id } of ordered) {
      if (this.owner(collection, id) !== null || target.mappings.length >= 1000) continue;
      target.mappings.push({ ...id, createdAt: now });
    }
    return target;
  }

  private merge(parent: SlowProfile, child: SlowProfile): void {
    child.mergedInto = parent;
    parent.mappings.push(...child.mappings);
    parent.merges += child.merges + 1;
    for (const [key, theirs] of child.traits) {
      const ours = parent.traits.get(key);
      const differing = (['at', 'received', 'place'] as const).find((name) => theirs[name] !== ours?.[name]);
      const wins = ours === undefined || (differing !== undefined && theirs[differing] > ours[differing]);
      if (wins) parent.traits.set(key, theirs);
    }
    const [a, b] = [parent.consent, child.consent];
    if (a === null && b === null) return;
    const categories: SlowConsent['categories'] = {};
    for (const category of [...Object.keys(a?.categories ?? {}), ...Object.keys(b?.categories ?? {})]) {
      const [ours, theirs] = [a?.categories[category] ?? false, b?.categories[category] ?? false];
      categories[category] = ours === theirs ? ours : 'conflict';
    }
    const newest = a === null || (b !== null && (b.at > a.at || (b.at === a.at && b.received >= a.received))) ? b : a;
    parent.consent = { at: newest?.at ?? 0, received: newest?.received ?? 0, categories };
  }
}
