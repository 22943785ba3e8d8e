/** The headers of everything the web app is made of: nothing from elsewhere, in no frame, no address told to others. */

const common = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const;

/**
 * Components and the editor put style elements into the page, so the page names the nonce that allows theirs and no
 * other. Without one (answers that are no pages) there are none.
 */
export function appHeaders(nonce?: string): Readonly<Record<string, string>> {
  const styles = nonce === undefined ? '' : ` 'nonce-${nonce}'`;
  const policy = [
    "default-src 'self'",
    "script-src 'self'",
    `style-src 'self'${styles}`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "object-src 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
  ];
  return { ...common, 'Content-Security-Policy': policy.join('; ') };
}
