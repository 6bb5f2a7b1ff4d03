"""The loop that moves time: it asks the sweep for one step after another and sleeps until the next is due."""
