/** Reverse ETL > Models: the queries. */
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { modelsQuery, sourcesQuery } from '../../api/queries.ts';
import type { Model } from '../../api/types.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { modelLabel } from '../../parts/model-label.ts';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Enabled } from '../../parts/values.tsx';

export function Models() {
  const query = useQuery(modelsQuery);
  const { data: sources = [] } = useQuery(sourcesQuery);
  const sourceName = (id: string) => sources.find((source) => source.id === id)?.name ?? '';
  const columns: readonly Column<Model>[] = [
    {
      label: 'Name',
      cell: (model) => (
        <Link to="/models/$id" params={{ id: model.id }}>
          {modelLabel(model, query.data ?? [])}
        </Link>
      ),
    },
    { label: 'Source', cell: ({ sourceId }) => sourceName(sourceId) },
    { label: 'Identifier', cell: ({ queryIdentifierColumn }) => queryIdentifierColumn },
    { label: 'State', cell: ({ enabled }) => <Enabled enabled={enabled} /> },
  ];
  const add = (
    <Allowed power="source:admin">
      <Button component={Link} to="/models/new">
        Add model
      </Button>
    </Allowed>
  );
  return (
    <Page title="Models" lead="Queries whose rows become profiles." actions={add}>
      <Loaded query={query} what="the models">
        {(models) =>
          models.length === 0 ? (
            <Empty title="Write your first model" action={add}>
              A model is one SQL query over a source, and the column that identifies its rows: one row per person,
              account or event.
            </Empty>
          ) : (
            <ListTable rows={models} keyOf={({ id }) => id} columns={columns} />
          )
        }
      </Loaded>
    </Page>
  );
}
