{#
    What: a fact has fewer or more rows than what it was made from.
    When: a join drops rows that have no partner, or multiplies rows that have several.
    How to resolve: find the join of the model whose other side lacks or repeats the key.
#}
{% test same_row_count(model, compare_to) %}
select *
from (
    select
        (select count(*) from {{ model }}) as row_count,
        (select count(*) from {{ compare_to }}) as expected_count
) as counted
where row_count <> expected_count
{% endtest %}
