{{ config(
    key=['household_id', 'review_year'],
    slice_by=['household_id'],
    touched_by={'int_member__person': ['household_id']}
) }}

select
    household_id,
    review_year,
    lead(review_year) over (partition by household_id order by review_year) as next_list_year
from {{ ref('int_member__person') }} -- slice: household_id
group by household_id, review_year
