import { Page } from '../../parts/page.tsx';

export function Alerts() {
  return <Page title="Alerts">{null}</Page>;
}
