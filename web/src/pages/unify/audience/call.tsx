/** The call of the Profile API that reads what is computed for one profile, to copy. */
import { Text } from '@mantine/core';
import type { Computation } from '../../../api/audiences.ts';
import { CallCard } from '../profile/call.tsx';

export function ValueCall({ space, computation }: { readonly space: string; readonly computation: Computation }) {
  const { kind, key, entity } = computation;
  const [collection, who] = entity === 'USERS' ? ['users', 'user_id:USER_ID'] : ['accounts', 'group_id:GROUP_ID'];
  const path = `collections/${collection}/profiles/${who}/traits?class=${kind}&include=${key}`;
  return (
    <CallCard
      title="Where programs read it"
      space={space}
      url={`${window.location.origin}/v1/spaces/${space}/${path}`}
      note={
        <>
          The answer has {kind === 'audience' ? 'true or false' : 'the value'} under{' '}
          <Text span ff="monospace" size="sm">
            {key}
          </Text>
          . Without <Text span ff="monospace" size="sm">{`&include=${key}`}</Text> it has all of the profile.
        </>
      }
    />
  );
}
