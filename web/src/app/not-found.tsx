import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Page } from '../parts/page.tsx';
import { Empty } from '../parts/states.tsx';

export function NotFound() {
  return (
    <Page title="Not found">
      <Empty
        title="There is no such page"
        action={
          <Anchor component={Link} to="/">
            Go to the overview
          </Anchor>
        }
      >
        It may have been removed, or its address may be cut short.
      </Empty>
    </Page>
  );
}
