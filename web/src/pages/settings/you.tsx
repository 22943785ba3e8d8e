import { Page } from '../../parts/page.tsx';

export function You() {
  return <Page title="You">{null}</Page>;
}
