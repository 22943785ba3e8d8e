import { Page } from '../parts/page.tsx';
import { Empty } from '../parts/states.tsx';

export function Spaces() {
  return (
    <Page title="Spaces">
      <Empty title="Nothing here yet">This page is being built.</Empty>
    </Page>
  );
}
