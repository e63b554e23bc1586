messages-title = Messages of the demonstration
messages-lead = What subscribers' telephones would receive. This page is part of a demonstration alone; a real service shows messages to nobody.
messages-none = There are no messages yet.
messages-again = Reload
