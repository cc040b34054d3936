import { ActionIcon } from '@mantine/core';
import { IconLayoutGridAdd } from '@tabler/icons-react';
import { lazy, Suspense, useState } from 'react';
import { may, useMe } from '../api/session';
import type { Offer } from './offer';

const AddDialog = lazy(() => import('./AddDialog'));

/** A button that puts what a card shows on a dashboard, for those who may change one. */
export function AddPanel({ offer }: { offer: Offer }) {
  const me = useMe();
  const [opened, open] = useState(false);
  if (!may(me.data, 'analyst')) return null;
  return (
    <>
      <ActionIcon variant="subtle" color="gray" aria-label={`Add ${offer.title} to a dashboard`} title="Add to a dashboard" onClick={() => open(true)}>
        <IconLayoutGridAdd size={17} stroke={1.6} aria-hidden />
      </ActionIcon>
      {opened && (
        <Suspense fallback={null}>
          <AddDialog
            offer={offer}
            onClose={() => open(false)}
          />
        </Suspense>
      )}
    </>
  );
}
