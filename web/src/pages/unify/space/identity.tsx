/** Who is who in a space: the rules, and what changing them means. */
import { Button, Group, Stack } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { api } from '../../../api/client.ts';
import { useMay } from '../../../api/may.ts';
import { type SpaceDetail, spacePath } from '../../../api/spaces.ts';
import { Faults, fieldFaults } from '../../../parts/faults.tsx';
import { useForm } from '../../../parts/use-form.ts';
import { IdentityRules, isRuleField, type Rules, RulesWarning, rulesInput } from './identity-rules.tsx';

const rulesOf = ({ identifiers, otherIdentifiers, autoRegister }: SpaceDetail): Rules => ({
  list: [...identifiers, ...otherIdentifiers],
  ordered: identifiers.length,
  autoRegister,
});

export function Identity({ space }: { readonly space: SpaceDetail }) {
  const [rules, setRules] = useState(() => rulesOf(space));
  const mayChange = useMay('space:admin');
  const isChanged = JSON.stringify(rules) !== JSON.stringify(rulesOf(space));

  const { submit, error, isBusy } = useForm(async () => {
    const answer = await api.patch<{ space: SpaceDetail }>(spacePath(space.id), rulesInput(rules));
    setRules(rulesOf(answer.space));
    return () => notifications.show({ color: 'green', message: 'Saved. New messages follow these rules.' });
  });

  return (
    <form onSubmit={submit}>
      <Stack>
        <RulesWarning hasProfiles={space.hasProfiles} />
        <Faults error={error} shown={isRuleField} />
        <IdentityRules value={rules} onChange={setRules} faults={fieldFaults(error)} disabled={!mayChange} />
        {mayChange && (
          <Group>
            <Button type="submit" loading={isBusy} disabled={!isChanged}>
              Save rules
            </Button>
            {isChanged && (
              <Button variant="subtle" onClick={() => setRules(rulesOf(space))}>
                Undo changes
              </Button>
            )}
          </Group>
        )}
      </Stack>
    </form>
  );
}
