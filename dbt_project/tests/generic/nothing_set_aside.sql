{#
    What: an accepted row does not count, because another sender reports the same household or commune for that year.
    When: a household moved and both places list it, a code was given twice, or a district sent a commune not its own.
    How to resolve: ask both senders whose it is; the other one sends a correction.
#}
{% test nothing_set_aside(model) %}
select *
from {{ model }}
{% endtest %}
