/** The Profile API over a space that a sync has filled. */

import { buildApi } from '../src/api/api.ts';
import { systemClock } from '../src/base/clock.ts';
import { createLog } from '../src/base/log.ts';
import type { Database } from '../src/db/db.ts';
import { createSpaceReader, deleteIdentifier } from '../src/space/space.ts';
import { createToken, findSpace, type Space, verifyToken } from '../src/workspace/workspace.ts';
import { profileApiBench } from './profile-api.ts';

export async function benchProfileApi(db: Database, space: Space, rows: number, say: (sentence: string) => void) {
  const { secret } = await createToken(db.pool, space.id, 'bench');
  // Each of the 50 connections prepares all of them before it begins.
  const profiles = Math.min(rows, 2_000);
  const step = Math.floor(rows / profiles);
  const paths = Array.from(
    { length: profiles },
    (_, n) => `/v1/spaces/${space.id}/collections/users/profiles/user_id:c-${n * step}/traits`,
  );
  return profileApiBench({
    target: () =>
      buildApi({
        reader: createSpaceReader({ db }),
        deleteIdentifier: (spaceNo, identifier) => deleteIdentifier(db, spaceNo, identifier),
        verifyToken: (token) => verifyToken(db.pool, token),
        findSpace: (name) => findSpace(db.pool, name),
        log: createLog({ level: 'error' }),
        clock: systemClock,
        limits: { profileRequestsPerSecond: 0 },
        ready: async () => true,
      }),
    paths,
    token: secret,
    onProgress: say,
  });
}
