"""FCFS in Ciw: a network of one node with one server, run as Ciw's documentation does it.

Ciw has no policy that depends on the size of a job or takes the server away after a quantum, so
the other policies are not compared. Arrivals (in rising order) and bursts are whole ticks. Ciw's
clock adds up the integers that it is given, so its times are exact and can be compared tick by
tick.
"""

from __future__ import annotations

from itertools import pairwise

import ciw


def fcfs(arrivals: list[int], bursts: list[int]) -> list[int]:
    """When each job completed; the queue discipline is Ciw's default, first in, first out."""
    gaps = [arrivals[0], *(late - early for early, late in pairwise(arrivals))]
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*gaps, float("inf")])],  # and nobody after
        service_distributions=[ciw.dists.Sequential(bursts)],
        number_of_servers=[1],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(len(arrivals))
    completion = [0] * len(arrivals)
    for record in simulation.get_all_records():
        completion[record.id_number - 1] = record.exit_date
    return completion
