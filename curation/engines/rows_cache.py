"""Keys and values of a batch whose rows leave as they finish, written in place.

Takes the place of the DynamicCache of transformers, which copies all it holds for each new
token: at 64 rows of 100 tokens that took a quarter of the time. Models know a cache by its
methods, so this one needs no base class; what they pass and it does not use carries a noqa.

Legend: B rows, H key-value heads, L tokens, D size of a head.
"""

from collections.abc import Sequence
from typing import Any

ROOM_TOKENS = 64
"""Least room made ahead when the cache is full."""


class RowsCache:
    """Rows of one length; shorter prompts are padded on the left, which the attention mask hides."""

    is_compileable = False

    def __init__(self, num_rows: int, width: int) -> None:
        self._num_rows = num_rows
        self._length = width
        self._layers: list[list[Any]] = []
        """Keys and values of each layer (B, H, L, D), with room beyond the rows and tokens in use."""

    @property
    def is_sliding(self) -> list[bool]:
        """All tokens are kept; the mask of a sliding layer hides what lies outside its window."""
        return [False] * len(self._layers)

    def put(self, slots: list[int], layers: Sequence[tuple[Any, Any]]) -> None:
        """Copy the keys and values (1, H, L, D) of one prompt into rows, ending where all end."""
        if not self._layers:
            self._layers = [[self._zeros(states) for states in layer] for layer in layers]
        for rooms, layer in zip(self._layers, layers, strict=True):
            for room, states_1HLD in zip(rooms, layer, strict=True):
                room[slots, :, self._length - states_1HLD.shape[2] : self._length] = states_1HLD

    def keep(self, order: Sequence[int]) -> None:
        """Keep as many rows as `order` has, each taken from the slot it names; a slot never comes from before it."""
        for rooms in self._layers:
            for room in rooms:
                for slot, source in enumerate(order):
                    if slot != source:
                        room[slot, :, : self._length] = room[source, :, : self._length]
        self._num_rows = len(order)

    def update(self, keys: Any, values: Any, layer_idx: int, *_: Any, **__: Any) -> tuple[Any, Any]:
        """Append a layer's states of new tokens and give all its states; called layer by layer."""
        rooms = self._layers[layer_idx]
        start = self._length if layer_idx == 0 else self._length - keys.shape[2]
        end = start + keys.shape[2]
        for position, states in enumerate((keys, values)):
            if end > rooms[position].shape[2]:
                rooms[position] = self._with_room(rooms[position], start, end)
            rooms[position][: self._num_rows, :, start:end] = states
        self._length = end
        return rooms[0][: self._num_rows, :, :end], rooms[1][: self._num_rows, :, :end]

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002
        """Tokens seen, padding among them."""
        return self._length

    def get_query_offset(self, layer_idx: int = 0) -> int:  # noqa: ARG002
        """Where the next token stands."""
        return self._length

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:  # noqa: ARG002
        """Length and start of what a mask for `query_length` new tokens covers."""
        return self._length + query_length, 0

    def _zeros(self, like: Any) -> Any:
        _, heads, _, size = like.shape
        return like.new_zeros(self._num_rows, heads, self._length + ROOM_TOKENS, size)

    def _with_room(self, room: Any, start: int, end: int) -> Any:
        """A copy of the rows and tokens in use, with room beyond `end`."""
        _, heads, _, size = room.shape
        larger = room.new_empty(self._num_rows, heads, end + max(ROOM_TOKENS, end // 4), size)
        larger[:, :, :start] = room[: self._num_rows, :, :start]
        return larger
