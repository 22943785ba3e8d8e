/** Changing the workspace: one at a time. */
import type { Database, Transaction } from '../db/db.ts';

/** Held until the transaction ends; everybody who changes the workspace takes it first. */
export async function lockWorkspace(tx: Transaction): Promise<void> {
  await tx.query('SELECT 1 FROM workspace FOR UPDATE');
}

/** A transaction that holds the lock from its beginning, and sees what it waited for. */
export async function changeWorkspace<T>(db: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return db.transaction(async (tx) => {
    // What the lock waited for must be seen, whatever the server's default is.
    await tx.query('SET TRANSACTION ISOLATION LEVEL READ COMMITTED');
    await lockWorkspace(tx);
    return work(tx);
  });
}
