import { Page } from '../parts/page.tsx';
import { Empty } from '../parts/states.tsx';

export function Overview() {
  return (
    <Page title="Overview">
      <Empty title="Nothing here yet">This page is being built.</Empty>
    </Page>
  );
}
