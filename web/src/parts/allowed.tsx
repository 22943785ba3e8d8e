/** What a person's role allows: what it does not is not offered, and forms can be read only. */
import type { ReactNode } from 'react';
import { type Power, useMay } from '../api/may.ts';

export function Allowed({ power, children }: { readonly power: Power; readonly children: ReactNode }) {
  return useMay(power) ? children : null;
}

/** The fields of a form; without the power none of them can be changed. */
export function Editable({ power, children }: { readonly power: Power; readonly children: ReactNode }) {
  return (
    <fieldset className="plain" disabled={!useMay(power)}>
      {children}
    </fieldset>
  );
}
