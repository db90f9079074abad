import styles from './Logo.module.css';

/** The mark and the name. */
export function Logo({ size }: { size: 'small' | 'large' }) {
  return (
    <span className={styles.logo} data-size={size}>
      <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <rect width="32" height="32" rx="8" className={styles.tile} />
        <path d="M8 13v6M13 9v14M18 5.5v21M23 11v10" className={styles.wave} />
      </svg>
      Open Speech
    </span>
  );
}
