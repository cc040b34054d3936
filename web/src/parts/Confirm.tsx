import { Button, Group, Stack, TextInput } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { Dialog } from './Dialog';
import { ProblemNotice } from './Answer';

/**
 * Asks before something is done that cannot be undone. `what` is what it is done to, by its name; with `typed` the name must be written. `onConfirm` may
 * fail: the dialog stays and says why.
 */
export function Confirm({ title, what, action, typed, children, onConfirm, onClose }: { title: string; what: string; action: string; typed?: boolean; children?: ReactNode; onConfirm: () => Promise<unknown>; onClose: () => void }) {
  const [text, write] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const ready = !typed || text.trim() === what;
  return (
    <Dialog onClose={onClose} title={title} size="md">
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (!ready || busy) return;
          setBusy(true);
          setError(undefined);
          onConfirm().then(onClose, (problem: unknown) => {
            setError(problem);
            setBusy(false);
          });
        }}
      >
        <Stack gap="sm">
          {children && <div>{children}</div>}
          {typed && <TextInput label={<>Write <b>{what}</b> to go on</>} value={text} onChange={(e) => write(e.currentTarget.value)} data-autofocus autoComplete="off" />}
          {error !== undefined && <ProblemNotice error={error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose} data-autofocus={typed ? undefined : true}>
              Cancel
            </Button>
            <Button type="submit" className="danger" disabled={!ready} loading={busy}>
              {action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
