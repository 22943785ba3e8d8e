import { MemorySpace } from './memory-space.conformance.ts';
import { profileApiConformance } from './profile.conformance.ts';

profileApiConformance('a space in memory', async () => {
  const space = new MemorySpace();
  return {
    reader: space.reader(),
    spaceNo: 1,
    send: async (messages) => space.send(messages),
    classify: async (userId, key, traitClass) => space.classify(userId, key, traitClass),
    close: async () => {},
  };
});
