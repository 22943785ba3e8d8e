import { Page } from '../../parts/page.tsx';

export function Tokens() {
  return <Page title="Tokens">{null}</Page>;
}
