/**
 * Where somebody looks next whose form was refused. In: where it was sent from. Out: the first field at fault has the focus and
 * is in sight; when no field is at fault, what says why. Readers of screens then read the field with its fault.
 */

/** Fields at fault, groups of boxes too, and what is marked by hand. */
const faulty = '[aria-invalid="true"], .mantine-InputWrapper-root:has(> .mantine-InputWrapper-error), [data-fault]';
const takesFocus = 'input, textarea, select, button, a[href], [contenteditable="true"], [tabindex]';

/** What a refusal belongs to; a part of a form that is sent by itself carries `data-form`. */
export function formAround(sender: Element | null): Element {
  return sender?.closest('[data-form], form, [role="dialog"], main') ?? document.body;
}

export function pointOut(form: Element): void {
  const marked = [...form.querySelectorAll<HTMLElement>(faulty)].find((element) => element.checkVisibility());
  const field = marked === undefined ? undefined : fieldIn(marked);
  const target = field ?? form.querySelector<HTMLElement>('[data-refusal]');
  if (target === null) return;
  if (!target.matches(takesFocus)) target.tabIndex = -1;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: field === undefined ? 'start' : 'center' });
}

/** A group of fields has no focus of its own: the first in it that is at fault, or else the first. */
function fieldIn(marked: HTMLElement): HTMLElement {
  const inside = [...marked.querySelectorAll<HTMLElement>(takesFocus)].filter(
    (element) => element.checkVisibility() && !element.matches(':disabled, [type="hidden"]'),
  );
  if (marked.matches(takesFocus)) return marked;
  return inside.find((element) => element.matches('[aria-invalid="true"]')) ?? inside[0] ?? marked;
}
