import { CaptionStore } from './captionStore.ts';
import { LiveChoicesStore } from './choices.ts';
import { ConversationStore } from './conversationStore.ts';

/** Live speech on the workbench. */
export class LiveBench {
  readonly choices = new LiveChoicesStore();
  readonly captions = new CaptionStore();
  readonly conversation = new ConversationStore();

  /** Gives the microphone back. What was said stays. */
  stop(): void {
    this.captions.stop();
    this.conversation.stop();
  }

  clear(): void {
    this.choices.clear();
    this.captions.clear();
    this.conversation.clear();
  }
}
