/** Profiles and queries for tests of the language. */
import type { Json, JsonObject } from '../../base/json.ts';
import { compileQuery } from './compile.ts';
import type { CompiledQuery, Entity, QueryFault, Subject, SubjectEvent } from './query.ts';

export const now = Date.parse('2026-05-20T12:00:00.000Z');
export const hourMs = 60 * 60 * 1000;
export const dayMs = 24 * hourMs;

/** What somebody did, so long ago. */
export interface Did {
  readonly name: string;
  readonly ago?: number;
  readonly properties?: JsonObject;
  /** Beside type and properties. */
  readonly more?: JsonObject;
  readonly sourceId?: string;
}

export interface Given {
  readonly traits?: Readonly<Record<string, Json>>;
  readonly events?: readonly Did[];
  readonly users?: readonly Given[];
}

export function subjectOf({ traits = {}, events = [], users = [] }: Given): Subject {
  const people = users.map(subjectOf);
  const own = events.map((did, at) => [did.name, eventOf(did, at)] as const);
  const named = (name: string) => own.filter(([one]) => one === name).map(([, event]) => event);
  return {
    traits: new Map(Object.entries(traits)),
    users: people,
    events(name) {
      const all = [...named(name), ...people.flatMap((person) => person.events(name))];
      return all.sort((a, b) => a.at - b.at || (a.messageId < b.messageId ? -1 : 1));
    },
  };
}

function eventOf({ ago = 0, properties = {}, more = {}, sourceId = 'src_1' }: Did, at: number): SubjectEvent {
  const messageId = `m${String(at).padStart(4, '0')}`;
  return { messageId, at: now - ago, sourceId, message: { type: 'track', properties, ...more } };
}

export function audience(text: string, entity: Entity = 'USERS'): CompiledQuery {
  const compiled = compileQuery(text, { kind: 'audience', entity });
  if (compiled.kind === 'faulty') throw new Error(JSON.stringify(compiled.faults));
  return compiled.query;
}

export function trait(text: string, entity: Entity = 'USERS'): CompiledQuery {
  const compiled = compileQuery(text, { kind: 'computed_trait', entity });
  if (compiled.kind === 'faulty') throw new Error(JSON.stringify(compiled.faults));
  return compiled.query;
}

export function isIn(text: string, given: Given, entity: Entity = 'USERS', at = now): Json | undefined {
  return audience(text, entity).evaluate(subjectOf(given), at).value;
}

export function value(text: string, given: Given): Json | undefined {
  return trait(text).evaluate(subjectOf(given), now).value;
}

export function faultsOf(
  text: string,
  kind: 'audience' | 'computed_trait' = 'audience',
  entity: Entity = 'USERS',
): readonly QueryFault[] {
  const compiled = compileQuery(text, { kind, entity });
  return compiled.kind === 'faulty' ? compiled.faults : [];
}
