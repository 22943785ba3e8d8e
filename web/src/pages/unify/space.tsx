import { Page } from '../../parts/page.tsx';

export function SpacePage() {
  return <Page title="Space">{null}</Page>;
}
