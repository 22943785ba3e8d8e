/** A notice as mail, in plain text and HTML, through the server of the options. */
import nodemailer from 'nodemailer';
import type { MailServer } from './alerts.ts';
import type { Outcome, Sending } from './channels.ts';
import { connectionFault } from './http.ts';
import { linesOf, subjectOf } from './text.ts';

const stepsPatient = 6;
const tooSlow: Outcome = { kind: 'retry', answer: 'The mail server did not answer in time.' };

export async function sendMail(
  server: MailServer | null,
  to: readonly string[],
  { notice, url, patience, signal }: Sending,
): Promise<Outcome> {
  if (server === null) {
    return { kind: 'failed', answer: 'No mail server is configured: set MILLRACE_SMTP_URL where Millrace runs.' };
  }
  const transport = nodemailer.createTransport({
    url: server.url,
    connectionTimeout: patience,
    greetingTimeout: patience,
    socketTimeout: patience,
    dnsTimeout: patience,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const lines = linesOf(notice, url);
  // The library limits each step; a server that drips through them all must end as well.
  const late = AbortSignal.timeout(stepsPatient * patience);
  try {
    const { rejected } = await orStopped(
      transport.sendMail({
        from: server.from,
        to: [...to],
        subject: subjectOf(notice),
        text: `${lines.map(([label, text]) => `${label}: ${text}`).join('\n')}\n`,
        html: htmlOf(lines),
        messageId: `<${notice.id}@millrace>`,
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Millrace-Notice': notice.id },
      }),
      signal === undefined ? late : AbortSignal.any([late, signal]),
    );
    const answer =
      rejected.length === 0
        ? 'The mail server took it.'
        : `The mail server took it for ${to.length - rejected.length} of ${to.length} addresses, and refused the others.`;
    return { kind: 'sent', answer };
  } catch (error) {
    if (signal?.aborted === true) return { kind: 'retry', answer: 'This process was stopped while it sent.' };
    if (late.aborted) return tooSlow;
    return judge(error);
  } finally {
    transport.close();
  }
}

/** By code alone: messages of a mail server quote addresses, and more. */
function judge(error: unknown): Outcome {
  const { code, responseCode } = error as { readonly code?: unknown; readonly responseCode?: unknown };
  if (code === 'EAUTH') {
    return { kind: 'failed', answer: 'The mail server refused the user and password of MILLRACE_SMTP_URL.' };
  }
  if (typeof responseCode === 'number' && responseCode >= 400) {
    return responseCode >= 500
      ? { kind: 'failed', answer: `The mail server answered ${responseCode} and will not take this notice.` }
      : { kind: 'retry', answer: `The mail server answered ${responseCode}.` };
  }
  if (code === 'ETIMEDOUT') return tooSlow;
  return { kind: 'retry', answer: `No connection to the mail server: ${connectionFault(error)}.` };
}

/** The mail library takes no signal: its time limits end what is left behind. */
async function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop = () => undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => void reject(signal.reason);
  });
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function htmlOf(lines: readonly (readonly [string, string])[]): string {
  const rows = lines.map(
    ([label, text]) => `<tr><th align="left" valign="top">${escaped(label)}</th><td>${escaped(text)}</td></tr>`,
  );
  return `<!doctype html><html><body><table cellpadding="4">${rows.join('')}</table></body></html>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
