/** A notice as the one text that incoming webhooks of Slack, and of others in its style, take. */
import type { Outcome, Sending } from './channels.ts';
import { post } from './http.ts';
import { linesOf, subjectOf } from './text.ts';

export async function sendSlack(url: string, sending: Sending): Promise<Outcome> {
  const { notice } = sending;
  const facts = linesOf(notice, sending.url).map(([label, text]) => `*${label}:* ${escaped(text)}`);
  const text = [`*${escaped(subjectOf(notice))}*`, ...facts].join('\n');
  return post(url, JSON.stringify({ text }), {}, sending);
}

/** The three characters with a meaning of their own there. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
