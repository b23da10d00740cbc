"""Where each camera is served: one pure function, the same answer for the same facts in any order.

Rules, in the order in which they win:

1. **Dark site.** No node of the site is there and ready: whoever is held stays held, new cameras wait (`NoNode`).
2. **Never above capacity.** A ready node never holds more than its units nor more than `max_cameras`; where its units
   shrink, the lowest priority goes at once (`shed`), whatever the moves a minute are. New placements keep to
   `units x (100 - reserve) / 100`; a camera that is held stays although the reserve is touched.
3. **Sticky.** A held camera stays, unless its node is gone, lost for longer than `failover_after`, draining, not its
   pin, or does not fit its selector. It leaves only when another node has a place for it: until then it stays where
   it is and `Plan.unplaced` says why. Only a node that is gone cannot keep it. A node that is not ready but not lost
   either keeps all it has: it could not acknowledge a release.
4. **Priority.** Who needs a place gets one by priority (high first), cost (high first), name. Where there is none, a
   camera displaces cameras of strictly lower priority, the lowest first, at a place where the least important suffer.
5. **Choice.** Spread takes the node with the largest free share after the placement, Pack the smallest gap that fits;
   ties go by rendezvous hash of the camera's uid and the node's name.
6. **Break before make.** A camera that leaves a node that may still serve it goes by way of a `Released` entry: it is
   given to its next node, under a higher epoch, when the old one has acknowledged, is lost, or is gone. A lost or gone
   node's cameras are given on at once; the entry is made all the same and stays until the camera is seen elsewhere
   with a higher epoch, so that a crash between two writes loses no epoch.
7. **Moves a minute.** At most `max_moves_per_minute` different cameras move within a minute (shedding apart). It is
   counted from `since` of what is held with an epoch above 1, and of releases: no memory is needed.
8. **Rebalancing**, on request or where placement is not sticky: Spread moves cameras from the fullest to the emptiest
   node while that lowers the fuller one's share; Pack empties the emptiest node where all its cameras fit elsewhere.

The caller must see its own writes before it plans again; a plan made from an older view may differ from the first.
"""

from __future__ import annotations

from alpr_operator.plan.costs import cost_units
from alpr_operator.plan.facts import CameraFacts, Held, Move, NodeFacts, Plan, Policy, Reason, Released
from alpr_operator.plan.planner import plan

__all__ = [
    "CameraFacts",
    "Held",
    "Move",
    "NodeFacts",
    "Plan",
    "Policy",
    "Reason",
    "Released",
    "cost_units",
    "plan",
]
