import { ActionIcon, Tooltip } from '@mantine/core';
import { Link, Outlet } from '@tanstack/react-router';
import { useRef } from 'react';
import { ColorSchemeToggle } from '../components/ColorSchemeToggle.tsx';
import { Icon } from '../components/Icon.tsx';
import { Logo } from '../components/Logo.tsx';
import { useCapabilities, useSession } from '../session/SessionContext.tsx';
import styles from './Shell.module.css';

const PLACES = [
  { to: '/', name: 'Speak', icon: 'speak' },
  { to: '/transcribe', name: 'Transcribe', icon: 'transcribe' },
  { to: '/live', name: 'Live', icon: 'microphone' },
  { to: '/models', name: 'Models', icon: 'models' },
] as const;

/** The frame around every page: where one is, where one can go, and the way out. */
export function Shell() {
  const { leave } = useSession();
  const content = useRef<HTMLElement>(null);
  const { auth } = useCapabilities();
  return (
    <>
      <button type="button" className={styles.skip} onClick={() => content.current?.focus()}>
        Skip to content
      </button>
      <header className={styles.header}>
        <div className={styles.inner}>
          <Logo size="small" />
          <nav className={styles.places} aria-label="Main">
            {PLACES.map(({ to, name, icon }) => (
              <Link key={to} to={to} className={styles.place} activeOptions={{ exact: true, includeSearch: false }}>
                <Icon name={icon} />
                {name}
              </Link>
            ))}
          </nav>
          <div className={styles.actions}>
            <ColorSchemeToggle />
            {auth.required && (
              <Tooltip label="Forget key">
                <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Forget key" onClick={leave}>
                  <Icon name="key" size={20} />
                </ActionIcon>
              </Tooltip>
            )}
          </div>
        </div>
      </header>
      <main ref={content} className={styles.content} tabIndex={-1}>
        <Outlet />
      </main>
    </>
  );
}
