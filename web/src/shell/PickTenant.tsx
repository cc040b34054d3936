import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useSigning, useTenants } from '../api/session';
import { Answer } from '../parts/Answer';
import { Card } from '../parts/Card';
import css from './Shell.module.css';

/** An operator belongs to no tenant and says first for which one to act. */
export function PickTenant() {
  const tenants = useTenants(true);
  const { actFor } = useSigning();
  const [sought, seek] = useState('');
  return (
    <Card title="Act for a tenant" className={css.pick}>
      <p className={css.hint}>You are an operator of this installation. Choose the tenant whose data you want to see.</p>
      <TextInput aria-label="Search tenants" placeholder="Search" value={sought} onChange={(e) => seek(e.currentTarget.value)} mb="sm" />
      <Answer query={tenants} height={160} empty={(d) => (d.tenants ?? []).length === 0 && 'There is no tenant yet: weir tenant create NAME makes one.'}>
        {(d) => (
          <ul className={css.tenants}>
            {(d.tenants ?? [])
              .filter((t) => `${t.id} ${t.name}`.toLowerCase().includes(sought.toLowerCase()))
              .slice(0, 100)
              .map((t) => (
                <li key={t.id}>
                  <Button variant="subtle" fullWidth justify="space-between" onClick={() => void actFor(t.id)} rightSection={<span className="mono">{t.id}</span>} classNames={{ section: css.id }} title={t.name || t.id}>
                    <span className="cut">{t.name || t.id}</span>
                  </Button>
                </li>
              ))}
          </ul>
        )}
      </Answer>
    </Card>
  );
}
