import type { ManagedModel } from '../api/manager.ts';
import { Icon } from '../components/Icon.tsx';
import styles from './LicenceFlag.module.css';
import { licenceMark } from './licence.ts';

/** The mark beside a licence that forbids commercial use, or of which nobody has said; else nothing. */
export function LicenceFlag({ model }: { model: Pick<ManagedModel, 'commercialUse' | 'packaged'> }) {
  const mark = licenceMark(model);
  if (mark === null) return null;
  return (
    <span className={styles.flag} data-level={mark.level}>
      <Icon name="warning" size={14} />
      {mark.text}
    </span>
  );
}
