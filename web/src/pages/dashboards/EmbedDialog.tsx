import { Button, Group, SegmentedControl, Stack, Textarea } from '@mantine/core';
import { useState } from 'react';
import { useMakeEmbed } from '../../api/dashboards';
import { moment } from '../../format/time';
import { ProblemNotice } from '../../parts/Answer';
import { CopyButton } from '../../parts/CopyButton';
import { Dialog } from '../../parts/Dialog';
import { innerHeight } from '../../panels/panel';
import css from './Dashboards.module.css';
import type { Placed } from './layout';

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const quoted = (s: string) => s.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

/** A link that shows one panel to whoever has it, for a while, and the frame to put it into a page. */
export function EmbedDialog({ dashboard, panel, onClose }: { dashboard: string; panel: Placed; onClose: () => void }) {
  const [life, setLife] = useState('1h');
  const [theme, setTheme] = useState('auto');
  const made = useMakeEmbed();
  const address = made.data && new URL(made.data.url + (theme === 'auto' ? '' : `&theme=${theme}`), location.origin).href;
  const frame = address && `<iframe src="${quoted(address)}" title="${quoted(panel.title || 'weir')}" width="100%" height="${innerHeight(panel.h) + 96}" style="border:0" loading="lazy"></iframe>`;
  return (
    <Dialog onClose={onClose} title={`Embed ${panel.title || 'the panel'}`} size="lg">
      <Stack gap="sm">
        <p className={css.hint}>
          The link opens this panel and nothing else, without signing in, to whoever has it: as a viewer of its site sees it. It ends by itself, and when the panel or the dashboard goes. For a page that stays, let your server make
          a link for each visit: <span className="mono">POST /api/v1/embeds</span>.
        </p>
        <Group gap="lg">
          <Choice label="Opens for" value={life} onChange={(v) => { setLife(v); made.reset(); }} data={[['10m', '10 minutes'], ['1h', '1 hour'], ['8h', '8 hours'], ['24h', '24 hours']]} />
          <Choice label="Look" value={theme} onChange={setTheme} data={[['auto', 'As the system'], ['light', 'Light'], ['dark', 'Dark']]} />
        </Group>
        {made.error && <ProblemNotice error={made.error} />}
        {frame && address ? (
          <>
            <Textarea aria-label="HTML of the frame" readOnly autosize minRows={3} maxRows={8} value={frame} onFocus={(e) => e.currentTarget.select()} styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 12 } }} />
            <Group justify="space-between" gap="xs">
              <span className={css.dim}>Ends {moment(made.data!.expires, zone)} ({zone})</span>
              <Group gap="xs">
                <Button component="a" href={address} target="_blank" rel="noreferrer" variant="default">
                  Look at it
                </Button>
                <CopyButton text={() => frame} label="Copy" />
              </Group>
            </Group>
          </>
        ) : (
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button loading={made.isPending} onClick={() => made.mutate({ dashboard, panel: panel.id, expires: life })}>
              Make the link
            </Button>
          </Group>
        )}
      </Stack>
    </Dialog>
  );
}

function Choice({ label, value, onChange, data }: { label: string; value: string; onChange: (v: string) => void; data: [string, string][] }) {
  return (
    <div>
      <span className={css.label}>{label}</span>
      <SegmentedControl aria-label={label} value={value} onChange={onChange} data={data.map(([v, l]) => ({ value: v, label: l }))} />
    </div>
  );
}
