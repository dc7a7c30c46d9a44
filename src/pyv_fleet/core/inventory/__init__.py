"""Which hosts a push goes to, and how they are reached: read from text in four forms."""

from pyv_fleet.core.inventory.hosts import Host, Inventory, InventoryError, chosen
from pyv_fleet.core.inventory.reading import kind_of, read_inventory

__all__ = ["Host", "Inventory", "InventoryError", "chosen", "kind_of", "read_inventory"]
