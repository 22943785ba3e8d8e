import { Page } from '../parts/page.tsx';
import { Empty } from '../parts/states.tsx';

export function Models() {
  return (
    <Page title="Models">
      <Empty title="Nothing here yet">This page is being built.</Empty>
    </Page>
  );
}
