import { Page } from '../parts/page.tsx';
import { Empty } from '../parts/states.tsx';

export function Destinations() {
  return (
    <Page title="Destinations">
      <Empty title="Nothing here yet">This page is being built.</Empty>
    </Page>
  );
}
