import { IconPlugConnectedX } from '@tabler/icons-react';
import { reach, useReach } from '../api/reach';
import css from './AddressNotice.module.css';

/** Says that the server cannot be reached, as long as it cannot. */
export function ReachNotice() {
  const state = useReach();
  if (state === 'reached') return null;
  return (
    <div className={css.notice} data-tone="bad" role="alert">
      <IconPlugConnectedX size={17} stroke={1.6} aria-hidden />
      <div>
        <strong>{state === 'lost' ? 'weir cannot be reached.' : 'weir is starting.'}</strong> What you see is of before; nothing new comes until {state === 'lost' ? 'the server answers' : 'it is ready'}. It is tried again every few seconds.
      </div>
      <button type="button" className="as-link" onClick={() => void reach.probe()}>
        Try now
      </button>
    </div>
  );
}
