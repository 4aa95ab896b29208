"""The local cloud: MiniStack with what it lacks and Latchkey lives on."""
