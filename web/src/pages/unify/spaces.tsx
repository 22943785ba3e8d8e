/** Unify > Spaces: where profiles live. */
import { Anchor, Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMay } from '../../api/may.ts';
import { spacesQuery } from '../../api/queries.ts';
import { ListTable } from '../../parts/list-table.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Copied } from '../../parts/values.tsx';

export function Spaces() {
  const query = useQuery(spacesQuery);
  const mayChange = useMay('space:admin');
  const create = mayChange ? (
    <Button component={Link} {...({ to: '/spaces/new' } as object)}>
      Create a space
    </Button>
  ) : undefined;
  return (
    <Page title="Spaces" lead="A space decides who is who, and keeps the profiles." actions={create}>
      <Loaded query={query} what="the spaces">
        {(spaces) =>
          spaces.length === 0 ? (
            <Empty title="There is no space yet" action={create}>
              Profiles live in a space. {mayChange ? 'Create one, then send people to it.' : 'An admin can create one.'}
            </Empty>
          ) : (
            <ListTable
              minWidth={560}
              rows={spaces}
              keyOf={({ id }) => id}
              columns={[
                {
                  label: 'Name',
                  cell: ({ id, name }) => (
                    <Link to="/spaces/$id" params={{ id }}>
                      {name}
                    </Link>
                  ),
                },
                { label: 'Name in files', cell: ({ slug }) => slug },
                { label: 'Id', cell: ({ id, name }) => <Copied value={id} label={`the id of ${name}`} /> },
                {
                  label: 'Profiles',
                  cell: ({ id, name }) => (
                    <Anchor component={Link} {...({ to: '/profiles', search: { space: id } } as object)} size="sm">
                      Profiles of {name}
                    </Anchor>
                  ),
                },
              ]}
            />
          )
        }
      </Loaded>
    </Page>
  );
}
