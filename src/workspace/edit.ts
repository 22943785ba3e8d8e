/**
 * Changing some of the workspace, object by object. In: a function that changes a draft of all definitions. Out: the
 * workspace as it is then. Promised: what a draft becomes is carried out as the plan of a file is, by the same code, so
 * that a file and an API cannot mean different things; all of it or nothing; one at a time.
 */
import type { Database, Transaction } from '../db/db.ts';
import { type Applied, carryOut } from './apply.ts';
import type { Actor } from './audit.ts';
import { type Definition, type Definitions, definitionsOf, type Kind, kinds } from './definitions.ts';
import { changeWorkspace } from './lock.ts';
import { workspaceOf } from './lookup.ts';
import { longestStem, nameFrom } from './names.ts';
import { type ApplyOptions, planBetween } from './plan.ts';
import { readRecords, type WorkspaceRecords } from './records.ts';
import type { Secrets } from './secrets.ts';
import type { Workspace } from './workspace.ts';

export interface EditContext extends ApplyOptions {
  readonly db: Database;
  readonly secrets: Secrets;
  readonly actor: Actor;
}

type DefinitionOf<K extends Kind> = Definitions[(typeof kinds)[K]['list']][number];

/** All definitions, to be changed. Objects of a kind are told apart by their names. */
export interface Draft {
  readonly tx: Transaction;
  /** The workspace as it was: where ids are looked up. Holds secrets in clear. */
  readonly before: Workspace;
  definition<K extends Kind>(kind: K, name: string): DefinitionOf<K>;
  /** Adds the definition, or puts it in the place of the one of its name. */
  put<K extends Kind>(kind: K, definition: DefinitionOf<K>): void;
  remove(kind: Kind, name: string): void;
  /** A name for an object that people call `title`: `Customers to profiles` → `customers-to-profiles`, `…-2`. */
  nameFor(kind: Kind, title: string): string;
}

export interface Edited<T> {
  readonly value: T;
  readonly applied: Applied;
  /** Holds secrets in clear. */
  readonly workspace: Workspace;
}

/**
 * Errors: `sync_running` for a mapping that would be removed or reset, `secret_…`, and what `change` throws, which changes
 * nothing then.
 */
export async function editWorkspace<T>(
  { db, secrets, actor, ...options }: EditContext,
  change: (draft: Draft) => Promise<T> | T,
): Promise<Edited<T>> {
  return changeWorkspace(db, async (tx) => {
    const records = await readRecords(tx);
    const stored = definitionsOf(records, secrets);
    const { draft, wanted } = draftOf(tx, stored, workspaceOf(records, secrets));
    const value = await change(draft);
    const plan = planBetween(records, stored, wanted(), new Set(), options);
    const applied = await carryOut(tx, secrets, records, plan, actor);
    return { value, applied, workspace: await reread(tx, secrets, records, plan.changesNothing) };
  });
}

async function reread(
  tx: Transaction,
  secrets: Secrets,
  before: WorkspaceRecords,
  isSame: boolean,
): Promise<Workspace> {
  return workspaceOf(isSame ? before : await readRecords(tx), secrets);
}

function draftOf(
  tx: Transaction,
  stored: Definitions,
  before: Workspace,
): { readonly draft: Draft; readonly wanted: () => Definitions } {
  const kindNames = Object.keys(kinds) as Kind[];
  const byName = new Map(
    kindNames.map((kind) => [
      kind,
      new Map<string, Definition>(stored[kinds[kind].list].map((one) => [one.name, one])),
    ]),
  );
  const of = (kind: Kind) => byName.get(kind) as Map<string, Definition>;
  const draft: Draft = {
    tx,
    before,
    definition<K extends Kind>(kind: K, name: string) {
      return of(kind).get(name) as DefinitionOf<K>;
    },
    put: (kind, definition) => void of(kind).set(definition.name, definition),
    remove: (kind, name) => void of(kind).delete(name),
    nameFor: (kind, title) => freeName(nameFrom(title) ?? kind.replace(' ', '-'), (name) => of(kind).has(name)),
  };
  const wanted = () =>
    Object.fromEntries(kindNames.map((kind) => [kinds[kind].list, [...of(kind).values()]])) as unknown as Definitions;
  return { draft, wanted };
}

function freeName(wanted: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(wanted)) return wanted;
  const stem = wanted.slice(0, longestStem);
  for (let no = 2; ; no++) if (!isTaken(`${stem}-${no}`)) return `${stem}-${no}`;
}
