"""A Ray cluster of two nodes on this machine: `python -m tests.ray_cluster`.

Prints its address, then obeys lines on stdin: `kill` kills the second node, `end` or the end of input stops it all.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the cluster until told to end."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 2, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    second = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    print(cluster.address, flush=True)
    for line in sys.stdin:
        if line.strip() == "kill":
            cluster.remove_node(second, allow_graceful=False)
            print("killed", flush=True)
        else:
            break
    cluster.shutdown()


if __name__ == "__main__":
    main()
