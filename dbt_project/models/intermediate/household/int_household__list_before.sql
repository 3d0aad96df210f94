{{ config(key=['sender_code', 'standard_code', 'review_year']) }}

select
    sender_code,
    standard_code,
    review_year + 1 as review_year
from {{ ref('int_household__list') }}
union
-- a commune that took over from districts goes on where their lists ended
select
    sender.sender_code,
    list.standard_code,
    sender.first_year
from {{ ref('int_place__sender_before') }} as sender
inner join {{ ref('int_household__list') }} as list
    on
        sender.sender_code_before = list.sender_code
        and sender.first_year = list.review_year + 1
group by sender.sender_code, list.standard_code, sender.first_year, sender.sender_before_count
having count(*) = sender.sender_before_count
