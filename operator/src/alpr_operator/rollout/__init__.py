"""How a change of image or models reaches the nodes of a site: in waves, watched, and back by itself. Pure.

One mechanism carries both: a `Target` is everything that rolls, under one digest. What a pass needs to know of the past
stands in `AlprSite.status.rollout`, also the state to go back to (`fromState`), so a restarted operator goes on where
the one before stopped.

Rules:

1. The first state of a site is no rollout: nodes start on it. Nor is a change that concerns no node that runs anything.
2. **Waves.** Steps as given; none given: 1 node, 10 %, 50 %, 100 % with ten minutes each. Steps that end below 100 %
   are followed by all the rest. `AllAtOnce` is one step of all nodes and takes no notice of `maxUnavailable`. Percents
   are of the nodes that are ready and that the change concerns, rounded up; a step that adds no node is passed over.
   Nodes that run neither the new nor the old state go first, then by name.
3. **Ready nodes only.** A node that is offline never blocks. It changes when it is back, also when the phase is Idle
   again: catching up keeps to windows and `maxUnavailable`, but to no steps. A node that goes offline while it changes
   is waited for ten minutes, then another takes its place. Where at least two are lost that way while others stayed,
   and more than came up, the change counts as failed.
4. **maxUnavailable** counts ready nodes whose pod is missing or coming up. Models change without an outage and do not
   count. A node's models change once its pod is the new one.
5. **Windows** are in the site's time zone, by the clock on the wall (a change to summer time shortens one). Outside,
   nodes that are changing finish, soak and gates go on, nothing new starts.
6. **Gates** are judged over nodes that run the new state, each by itself, from a minute (or half the soak, if less)
   after they came up. What a node does not report is not judged. A node that cannot take the new state (its
   `problem`), or half an hour in which nothing goes on, fails as a gate does.
7. **Rollback.** A breach, or a person's request, sends every node back at once, outside windows too, in step with
   `maxUnavailable`. The failed digest is not tried again until the spec changes. With `autoRollback: false` a breach
   only stops the rollout while it lasts. A spec that returns to the old state in mid-rollout does the same as a
   request, but marks nothing as failed.
"""

from __future__ import annotations

from alpr_operator.rollout.advance import advance
from alpr_operator.rollout.facts import RolloutNode, Step, Target
from alpr_operator.rollout.windows import is_open, next_opening

__all__ = ["RolloutNode", "Step", "Target", "advance", "is_open", "next_opening"]
