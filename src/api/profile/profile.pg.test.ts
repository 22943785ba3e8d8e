import { testDatabase } from '../../../test/database.ts';
import { createSpaceReader, createSpaceWriter } from '../../space/space.ts';
import { createSpace } from '../../workspace/workspace.ts';
import { profileApiConformance } from './profile.conformance.ts';

profileApiConformance('Postgres', async () => {
  const db = await testDatabase();
  const space = await createSpace(db.pool, 'shop');
  const writer = createSpaceWriter({ db });
  return {
    reader: createSpaceReader({ db }),
    spaceNo: space.no,
    send: async (messages) => {
      await writer.write(space, messages);
    },
    close: async () => {
      await writer[Symbol.asyncDispose]();
      await db.close();
    },
  };
});
