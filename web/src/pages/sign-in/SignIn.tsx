import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { forget } from '../../api/credentials';
import { asProblem } from '../../api/problem';
import { useEnded, useSigning, useSignInOptions } from '../../api/session';
import { Notice } from '../../parts/Answer';
import { Tabs } from '../../parts/Card';
import { Mark } from '../../shell/Frame';
import { firstWay, type Way } from './ways';
import css from './SignIn.module.css';

const lastWay = 'weir.sign-in.way'; // the one that worked last in this browser; never what was typed there
const kept = (): Way | undefined => {
  const way = localStorage.getItem(lastWay);
  return way === 'key' || way === 'password' ? way : undefined;
};

/** The ways in: a provider, a password, a key. What was asked for is shown afterwards: the address stays. */
export default function SignIn() {
  const options = useSignInOptions();
  const [chosen, choose] = useState<Way | undefined>(kept);
  const way = chosen ?? firstWay(options.data, options.isPending);
  const ended = useEnded();
  const here = location.pathname + location.search;
  return (
    <main className={css.page}>
      <div className={css.side}>
        <Falls />
      </div>
      <div className={css.form}>
        <h1>
          <Mark />
        </h1>
        {ended ? (
          <Notice title="You were signed out">The session has ended, or the key was revoked or is too old. Sign in again to go on where you were.</Notice>
        ) : (
          <p className={css.lead}>Sign in to see what happens on your sites.</p>
        )}
        {(options.data?.providers ?? []).map((name) => (
          <Button key={name} component="a" size="md" fullWidth mb="sm" onClick={forget} href={`/auth/login?issuer=${encodeURIComponent(name)}&return=${encodeURIComponent(here)}`}>
            Continue with {name}
          </Button>
        ))}
        {way && (
          <>
            <div className={css.tabs}>
              <Tabs label="Ways to sign in" value={way} onChange={choose} tabs={[['password', 'Password'], ['key', 'Key']]} />
            </div>
            {way === 'password' ? <Password off={options.data?.password === false} /> : <Key />}
          </>
        )}
      </div>
    </main>
  );
}

/** Water over a step: streams run level, fall, and run on. */
function Falls() {
  const streams = Array.from({ length: 13 }, (_, i) => i);
  return (
    <svg className={css.falls} viewBox="0 0 800 900" preserveAspectRatio="xMidYMid slice" aria-hidden>
      {streams.map((i) => {
        const y = 90 + i * 30;
        const x = 330 - i * 9;
        return <path key={i} d={`M-20 ${y}H${x}c90 0 70 ${330 + i * 3} 200 ${330 + i * 3}H820`} style={{ opacity: 0.95 - i * 0.065, strokeWidth: 9 - i * 0.45 }} />;
      })}
    </svg>
  );
}

/** Runs what signs in and keeps what it complained about. */
function useAttempt() {
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const attempt = (run: () => Promise<unknown>) => (e: FormEvent) => {
    e.preventDefault();
    setBusy(true);
    setProblem(undefined);
    run().catch((p: unknown) => { setProblem(p); setBusy(false); });
  };
  return { busy, attempt, note: problem ? <Notice tone="bad" title="That did not work">{asProblem(problem).said}</Notice> : null };
}

function Password({ off }: { off: boolean }) {
  const { password } = useSigning();
  const { busy, attempt, note } = useAttempt();
  const [tenant, setTenant] = useState(() => localStorage.getItem('weir.sign-in.tenant') ?? '');
  const [email, setEmail] = useState('');
  const [secret, setSecret] = useState('');
  if (off) return <p className={css.hint}>This server takes no passwords. Sign in with a key.</p>;
  return (
    <form
      onSubmit={attempt(async () => {
        await password(tenant.trim(), email.trim(), secret);
        localStorage.setItem('weir.sign-in.tenant', tenant.trim());
        localStorage.setItem(lastWay, 'password');
      })}
    >
      <Stack gap="sm">
        <TextInput label="Tenant" description="Leave it empty if you are an operator" autoComplete="organization" value={tenant} onChange={(e) => setTenant(e.currentTarget.value)} />
        <TextInput label="E-mail" type="email" autoComplete="username" required value={email} onChange={(e) => setEmail(e.currentTarget.value)} />
        <PasswordInput label="Password" autoComplete="current-password" required value={secret} onChange={(e) => setSecret(e.currentTarget.value)} />
        {note}
        <Button type="submit" size="sm" loading={busy}>
          Sign in
        </Button>
      </Stack>
    </form>
  );
}

function Key() {
  const { key } = useSigning();
  const { busy, attempt, note } = useAttempt();
  const [value, setValue] = useState('');
  return (
    <form
      onSubmit={attempt(async () => {
        await key(value.trim());
        localStorage.setItem(lastWay, 'key');
      })}
    >
      <Stack gap="sm">
        <PasswordInput label="Key" description="Of a viewer, analyst or admin, or the operator's token. It is kept in this tab only: another tab, or this one once it was closed, asks for it again." autoComplete="off" required value={value} onChange={(e) => setValue(e.currentTarget.value)} />
        {note}
        <Button type="submit" size="sm" loading={busy}>
          Open
        </Button>
      </Stack>
    </form>
  );
}
