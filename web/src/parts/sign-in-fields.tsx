/** An e-mail address and a password, wherever somebody signs in. */
import { PasswordInput, TextInput } from '@mantine/core';
import { api } from '../api/client.ts';
import { isSignedIn } from '../api/reached.ts';
import { fieldFaults } from './faults.tsx';

export function SignInFields({ error, email }: { readonly error: Error | null; readonly email?: string | undefined }) {
  const faults = fieldFaults(error);
  return (
    <>
      <TextInput
        label="E-mail"
        name="email"
        type="email"
        autoComplete="username"
        required
        defaultValue={email}
        error={faults.email}
      />
      <PasswordInput
        label="Password"
        name="password"
        autoComplete="current-password"
        required
        data-autofocus
        error={faults.password}
      />
    </>
  );
}

export async function signIn(form: FormData): Promise<void> {
  await api.post('/app/sign-in', { email: form.get('email'), password: form.get('password') });
  isSignedIn();
}
