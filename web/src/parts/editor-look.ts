/** What the editors of the app have in common: their colours, their name for readers of screens, and typing that the policy allows. */
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { tags } from '@lezer/highlight';
import { EditorView, type Extension } from '@uiw/react-codemirror';

const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';

/** Colours that can be read on both grounds; they are in `app.css`. */
const words = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--sql-keyword)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--sql-string)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--sql-number)' },
  { tag: tags.comment, color: 'var(--mantine-color-dimmed)', fontStyle: 'italic' },
]);

const ground = {
  '&': { backgroundColor: 'var(--mantine-color-body)', color: 'var(--mantine-color-text)' },
  '.cm-content': { caretColor: 'var(--mantine-color-text)' },
  '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
  '.cm-gutters': { backgroundColor: 'var(--mantine-color-body)', color: 'var(--mantine-color-dimmed)' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--sql-line)' },
  '.cm-placeholder': { color: 'var(--mantine-color-placeholder)' },
};

export const grounds: Readonly<Record<'light' | 'dark', Extension[]>> = {
  light: [EditorView.theme(ground), syntaxHighlighting(words)],
  dark: [EditorView.theme(ground, { dark: true }), syntaxHighlighting(words)],
};

/**
 * What is typed over a selection. Left to the browser, the new text keeps the colours of the old one in an inline style,
 * which the security policy forbids.
 */
const typedOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { data, inputType } = event;
    const { from, to, empty } = view.state.selection.main;
    if (inputType !== 'insertText' || data === null || empty || view.composing || view.state.readOnly) return false;
    const insert = () =>
      view.state.update(view.state.replaceSelection(data), { userEvent: 'input.type', scrollIntoView: true });
    const isTaken = view.state.facet(EditorView.inputHandler).some((take) => take(view, from, to, data, insert));
    if (!isTaken) view.dispatch(insert());
    event.preventDefault();
    return true;
  },
});

/** How the keyboard leaves an editor. */
export const leavingHint = 'Tab indents. To leave the editor with the keyboard, press Escape and then Tab.';

/** @param describedBy ids of what describes the editor: the hint, and what is wrong with the text */
export function editorBasics(label: string, describedBy: string, isInvalid = false): Extension[] {
  return [
    EditorView.cspNonce.of(nonce),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({
      'aria-label': label,
      'aria-required': 'true',
      'aria-describedby': describedBy,
      ...(isInvalid && { 'aria-invalid': 'true' }),
    }),
    typedOver,
  ];
}
