-- What: a household stands in the lists of two senders for one year and standard; the list received last counts.
-- When: a household moved and both places list it, or a code was given twice.
-- How to resolve: ask both senders whose household it is; the other one corrects its list.
{{ config(severity='warn') }}

select
    household_code,
    review_year,
    standard_code,
    count(distinct submission_id) as list_count
from {{ ref('stg_household_review') }}
group by household_code, review_year, standard_code
having count(distinct submission_id) > 1
