import { Page } from '../../parts/page.tsx';

export function SpaceNew() {
  return <Page title="Create a space">{null}</Page>;
}
